"""The main job: events from Kafka become decisions, a journal and dead letters, exactly once.

    topology = build(settings, client_arguments)   # declares everything, contacts nothing; inside of a running event loop
    await serve(topology)                          # until SIGTERM or SIGINT

processors/topology/wiring.py is the whole wiring on one page.
"""

from processors.topology.deciding import Figures
from processors.topology.reviews import review
from processors.topology.wiring import INPUTS, Topology, build, serve

__all__ = ["INPUTS", "Figures", "Topology", "build", "review", "serve"]

"""What can be measured from outside, how is it read, and where is it served?"""

from processors.metrics.definitions import METRICS, Kind, Metric
from processors.metrics.exposition import Distribution, Exposition, Reading
from processors.metrics.listener import Listener

__all__ = ["METRICS", "Distribution", "Exposition", "Kind", "Listener", "Metric", "Reading"]

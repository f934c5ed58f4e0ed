"""Who may support or take over a cloud subscription, decided as a stream: the import package of `multichannel`."""

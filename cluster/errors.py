"""What can go wrong between here and a cluster, each with its remedy in the message."""


class ClusterError(ValueError):
    """The cluster cannot be reached, refuses, or knows nothing of what is asked for."""


class NoAnswer(ClusterError):
    """Nothing answers where the cluster should be."""


class UnknownJob(ClusterError):
    """The cluster has no job of this name."""


class NoFolder(ClusterError):
    """What is to be fetched is not there."""


class PackageTooLarge(ClusterError):
    """The files of a job are more than a cluster takes."""

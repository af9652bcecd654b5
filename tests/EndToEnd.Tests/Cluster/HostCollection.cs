namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>
/// Collection of tests that depend on seconds of silence. They run alone, because other tests would delay whole
/// processes.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class HostCollection
{
    public const string Name = "hosts";
}

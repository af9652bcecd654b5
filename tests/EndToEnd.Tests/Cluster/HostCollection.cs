namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Tests in which seconds of silence mean something run alone: other tests would make whole processes late.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class HostCollection
{
    public const string Name = "hosts";
}

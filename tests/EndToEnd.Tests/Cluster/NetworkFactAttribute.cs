namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>A test over <see cref="NetworkHosts"/>; skipped, with the reason, where there can be none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NetworkFactAttribute : FactAttribute
{
    public NetworkFactAttribute() => Skip = NetworkHosts.Missing;
}

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Test on <see cref="NetworkHosts"/>; skipped with a reason if the machine does not support them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NetworkFactAttribute : FactAttribute
{
    public NetworkFactAttribute() => Skip = NetworkHosts.Missing;
}

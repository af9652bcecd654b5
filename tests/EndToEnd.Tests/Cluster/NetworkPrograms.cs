namespace ClipTrain.EndToEnd.Tests.Cluster;

internal static class NetworkPrograms
{
    /// <summary>Starts <c>cliptrain</c> on a host.</summary>
    public static ProgramRun Run(this NetworkHosts network, int host, string folder, params string[] arguments) =>
        ProgramRun.StartBy(network.Enter(host), folder, arguments);
}

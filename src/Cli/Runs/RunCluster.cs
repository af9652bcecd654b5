using System.Net;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>The Orleans cluster of a run.</summary>
public static class RunCluster
{
    /// <summary>Keeps a password out of the run file.</summary>
    private const string ConnectionVariable = "CLIPTRAIN_CLUSTERING_CONNECTION";

    /// <summary>Where its members find each other.</summary>
    /// <exception cref="CoordinatorStartException">The connection string is missing, or the run directory cannot be used.</exception>
    public static ClusterIdentity Of(RunFiles files, ClusterOptions cluster) =>
        ClusterIdentity.Open(
            files.Directory,
            cluster.Clustering,
            Environment.GetEnvironmentVariable(ConnectionVariable) is { Length: > 0 } given ? given : cluster.ClusteringConnection
        );

    /// <summary>How a coordinator's process listens.</summary>
    /// <exception cref="CoordinatorStartException">No address is left that others can reach.</exception>
    public static SiloEndpoint Endpoint(string name, HostingOptions hosting) =>
        SiloEndpoint.Create(
            name,
            hosting.Listen.Address,
            hosting.Advertised,
            hosting.Listen.Port,
            hosting.Listen.Port == 0 ? 0 : hosting.Listen.Port + 1
        );

    /// <summary>What the processes of the run prove to each other.</summary>
    /// <exception cref="UsageException">Only some of the TLS files are given.</exception>
    /// <exception cref="CoordinatorStartException">One of them cannot be used.</exception>
    public static ClusterSecurity Security(string token, TlsFiles tls) =>
        tls switch
        {
            { Certificate: null, Key: null, Authority: null } => new ClusterSecurity(token),
            { Certificate: { } certificate, Key: { } key, Authority: { } authority } => new ClusterSecurity(
                token,
                TlsIdentity.Load(certificate, key, authority, TimeProvider.System)
            ),
            _ => throw new UsageException("--certificate, --key and --ca belong together: give all three, or none."),
        };

    /// <summary>True when a coordinator of this machine has the run.</summary>
    public static bool IsServed(RunFiles files) => RunLock.IsHeld(files.CoordinatorLock);
}

/// <summary>PEM files of mutual TLS; all null without.</summary>
/// <param name="Certificate">Of this process.</param>
/// <param name="Key">Its private key.</param>
/// <param name="Authority">That all processes of the run are held to.</param>
public sealed record TlsFiles(string? Certificate = null, string? Key = null, string? Authority = null)
{
    /// <summary>As arguments for another process of the run.</summary>
    public IEnumerable<string> Arguments =>
        new[] { ("--certificate", Certificate), ("--key", Key), ("--ca", Authority) }.SelectMany(file =>
            file.Item2 is { } path ? new[] { file.Item1, path } : []
        );
}

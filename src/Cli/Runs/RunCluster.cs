using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Runs;

/// <summary>Factory of a run's Orleans cluster settings.</summary>
public static class RunCluster
{
    /// <summary>Environment variable that keeps a password out of the run file.</summary>
    public const string ConnectionVariable = "CLIPTRAIN_CLUSTERING_CONNECTION";

    /// <summary>Membership table through which the cluster's members find each other.</summary>
    /// <exception cref="CoordinatorStartException">The connection string is missing, or the run directory cannot be
    /// used.</exception>
    public static ClusterIdentity Of(RunFiles files, ClusterOptions cluster) =>
        Of(files.Directory, cluster.Clustering, cluster.ClusteringConnection);

    /// <summary>Membership table of the cluster of a run or pool.</summary>
    /// <param name="directory">Directory of the run or pool.</param>
    /// <param name="kind">Where the table is.</param>
    /// <param name="connection">Connection string, unless the environment has one.</param>
    /// <exception cref="CoordinatorStartException">The connection string is missing, or the directory cannot be used.</exception>
    public static ClusterIdentity Of(string directory, ClusteringKind kind, string? connection) =>
        ClusterIdentity.Open(
            directory,
            kind,
            Environment.GetEnvironmentVariable(ConnectionVariable) is { Length: > 0 } given ? given : connection
        );

    /// <summary>Endpoint of a coordinator process.</summary>
    /// <exception cref="CoordinatorStartException">No address of this machine is reachable by others.</exception>
    public static SiloEndpoint Endpoint(string name, HostingOptions hosting) =>
        SiloEndpoint.Create(
            name,
            hosting.Listen.Address,
            hosting.Advertised,
            hosting.Listen.Port,
            hosting.Listen.Port == 0 ? 0 : hosting.Listen.Port + 1
        );

    /// <summary>Credentials that the processes of a run present to each other.</summary>
    /// <exception cref="UsageException">Only some of the TLS files are given.</exception>
    /// <exception cref="CoordinatorStartException">A TLS file is invalid.</exception>
    public static ClusterSecurity Security(string token, TlsFiles tls) =>
        tls switch
        {
            { Certificate: null, Key: null, Authority: null } => new ClusterSecurity(token),
            { Certificate: { } certificate, Key: { } key, Authority: { } authority } => new ClusterSecurity(
                token,
                TlsIdentity.Load(certificate, key, authority, TimeProvider.System)
            ),
            _ => throw new UsageException("--certificate, --key and --ca must be given together: give all three, or none."),
        };

    /// <summary>True if a coordinator on this machine hosts the run.</summary>
    public static bool IsServed(RunFiles files) => RunLock.IsHeld(files.CoordinatorLock);
}

/// <summary>PEM files for mutual TLS; all null to disable it.</summary>
/// <param name="Certificate">Certificate of this process.</param>
/// <param name="Key">Private key of the certificate.</param>
/// <param name="Authority">Certificate of the authority that signs the certificates of all processes.</param>
public sealed record TlsFiles(string? Certificate = null, string? Key = null, string? Authority = null)
{
    /// <summary>Command-line arguments that pass the files to another process of the run.</summary>
    public IEnumerable<string> Arguments =>
        new[] { ("--certificate", Certificate), ("--key", Key), ("--ca", Authority) }.SelectMany(file =>
            file.Item2 is { } path ? new[] { file.Item1, path } : []
        );

    /// <summary>The same files for processes that start in other folders.</summary>
    public TlsFiles ToAbsolute()
    {
        return new TlsFiles(Full(Certificate), Full(Key), Full(Authority));

        static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);
    }
}

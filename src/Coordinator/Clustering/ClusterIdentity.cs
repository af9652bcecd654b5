using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Where the processes of a cluster keep the table of their members.</summary>
public enum ClusteringKind
{
    /// <summary>In files of the run directory: on one machine, or on a file system that all machines share.</summary>
    File,

    Redis,

    Postgres,
}

/// <summary>The cluster of one run.</summary>
/// <param name="ClusterId">Tells the runs apart that share one Redis or PostgreSQL server.</param>
/// <param name="Directory">Folder <c>cluster/</c> of the run directory: members, signs of life, grain state.</param>
/// <param name="Kind">Where the members are kept.</param>
/// <param name="ConnectionString">Of Redis or PostgreSQL, in the form that StackExchange.Redis and Npgsql read.</param>
public sealed record ClusterIdentity(string ClusterId, string Directory, ClusteringKind Kind, string? ConnectionString)
{
    /// <summary>
    /// Opens the cluster of a run. The first to do so gives it a random identity, kept in the run directory: the directory
    /// may be moved or be mounted elsewhere, and every process still finds the same cluster.
    /// </summary>
    /// <exception cref="CoordinatorStartException">The connection string is missing, or the folder cannot be used.</exception>
    public static ClusterIdentity Open(string runDirectory, ClusteringKind kind = ClusteringKind.File, string? connectionString = null)
    {
        if (kind != ClusteringKind.File && string.IsNullOrWhiteSpace(connectionString))
        {
            throw new CoordinatorStartException($"Clustering by {kind} needs a connection string.");
        }

        var directory = Path.Combine(Path.GetFullPath(runDirectory), "cluster");
        var identities = Path.Combine(directory, "identity");
        try
        {
            if (VersionedFiles.Newest(identities) == 0)
            {
                // Losing a race to another process is fine: both read the identity that won.
                _ = VersionedFiles.TryAdd(identities, version: 1, Encoding.ASCII.GetBytes($"cliptrain-{Guid.NewGuid():n}"));
            }

            return new ClusterIdentity(
                Encoding.ASCII.GetString(VersionedFiles.Read(identities).Content),
                directory,
                kind,
                connectionString
            );
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new CoordinatorStartException(error.Message, error);
        }
    }
}

using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>Location of a cluster's membership table.</summary>
public enum ClusteringKind
{
    /// <summary>Files in the run directory, on one machine or on a file system that all machines share.</summary>
    File,

    Redis,

    Postgres,
}

/// <summary>The cluster of one run.</summary>
/// <param name="ClusterId">Distinguishes runs that share a Redis or PostgreSQL server.</param>
/// <param name="Directory">Folder <c>cluster/</c> of the run directory: members, heartbeats, grain state.</param>
/// <param name="Kind">Location of the membership table.</param>
/// <param name="ConnectionString">Connection string for StackExchange.Redis or Npgsql; null for files.</param>
public sealed record ClusterIdentity(string ClusterId, string Directory, ClusteringKind Kind, string? ConnectionString)
{
    /// <summary>
    /// Opens the cluster of a run. The first process stores a random id in the run directory, so every process finds the same cluster
    /// even if the directory is moved or mounted elsewhere.
    /// </summary>
    /// <exception cref="CoordinatorStartException">The connection string is missing, or the folder is not accessible.</exception>
    public static ClusterIdentity Open(string runDirectory, ClusteringKind kind = ClusteringKind.File, string? connectionString = null)
    {
        if (kind != ClusteringKind.File && string.IsNullOrWhiteSpace(connectionString))
        {
            throw new CoordinatorStartException(
                $"Clustering by {kind} needs a connection string: give cluster.clustering_connection in the run file, or "
                    + "--clustering-connection for a pool, or set CLIPTRAIN_CLUSTERING_CONNECTION."
            );
        }

        var directory = Path.Combine(Path.GetFullPath(runDirectory), "cluster");
        var identities = Path.Combine(directory, "identity");
        try
        {
            if (VersionedFiles.Newest(identities) == 0)
            {
                // Losing a race to another process is fine: both read the winning id.
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

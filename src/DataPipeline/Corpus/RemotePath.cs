namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Addresses of other machines, which are not read here.</summary>
internal static class RemotePath
{
    private const string Scheme = "://";

    /// <exception cref="CorpusException">The path is an address; the message says how its files come here.</exception>
    public static void Refuse(string path)
    {
        var end = path.IndexOf(Scheme, StringComparison.Ordinal);
        if (end < 1 || !path[..end].All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.'))
            return;
        var way = path[..end].ToLowerInvariant() switch
        {
            "s3" or "s3a" => "copy them (aws s3 sync) or mount the bucket (mountpoint-s3, rclone mount)",
            "gs" or "gcs" => "copy them (gcloud storage rsync) or mount the bucket (gcsfuse, rclone mount)",
            "az" or "abfs" or "abfss" or "wasb" or "wasbs" => "copy them (azcopy) or mount the container (blobfuse2, rclone mount)",
            "hf" => "download them (hf download … --repo-type dataset)",
            "http" or "https" => "download them (curl, wget, hf download)",
            "file" => "leave file:// out and write the path",
            _ => "copy them here, or mount the place where they are",
        };
        throw new CorpusException($"{path} is an address, and only files of this machine are read: {way}, and name the path of the files");
    }
}

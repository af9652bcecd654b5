namespace ClipTrain.DataPipeline.Import.Tar;

/// <summary>
/// How webdataset takes a member's path apart: <c>a/0001.input.JPG</c> is the key <c>a/0001</c> and the extension <c>input.jpg</c>.
/// </summary>
internal readonly record struct SampleName(string Key, string Extension)
{
    /// <summary>Null for what webdataset passes over: no extension, nothing before the dot, names such as <c>__meta__</c>.</summary>
    public static SampleName? Parse(string path)
    {
        path = path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path;
        var name = path.LastIndexOf('/') + 1;
        var dot = path.IndexOf('.', name);
        if (dot <= name || path.AsSpan(name).StartsWith("__", StringComparison.Ordinal))
            return null;
        return new SampleName(path[..dot], path[(dot + 1)..].ToLowerInvariant());
    }
}

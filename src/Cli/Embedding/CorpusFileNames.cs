using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.Cli.Embedding;

/// <summary>Names of a corpus' files within the folder that they all lie in, so that embeddings do not change when that is moved.</summary>
public sealed class CorpusFileNames
{
    private readonly string _folder;

    public CorpusFileNames(IReadOnlyList<CorpusFile> files)
    {
        _folder = Path.GetDirectoryName(files[0].Path)!;
        while (files.Any(file => Path.GetRelativePath(_folder, file.Path).StartsWith("..", StringComparison.Ordinal)))
            _folder = Path.GetDirectoryName(_folder)!;
    }

    /// <summary>The name of a file of the corpus, with forward slashes.</summary>
    public string this[string path] => Path.GetRelativePath(_folder, path).Replace(Path.DirectorySeparatorChar, '/');
}

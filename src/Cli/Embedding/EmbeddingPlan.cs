using System.Text.Json.Serialization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Embedding;

/// <summary>What of the pairs is embedded.</summary>
public enum EmbeddingContent
{
    Images,
    Texts,
    Both,
}

/// <summary>All that the embeddings of a folder depend on: the content of <c>embed.json</c>. Work on a folder goes on only with the same, so that the result is that of unbroken work. The threads are left out: they change the last bits at most.</summary>
public sealed record EmbeddingPlan
{
    public int FormatVersion { get; init; } = 1;

    /// <summary>SHA-256 of the weights.</summary>
    public required string Model { get; init; }

    /// <summary>Numbers of an embedding, which has unit length.</summary>
    public required int Dimensions { get; init; }

    public required EmbeddingContent What { get; init; }

    /// <summary>The type that the towers compute in; embeddings are fp32.</summary>
    public required Precision Precision { get; init; }

    /// <summary>Pairs that run through the towers at once, which decides how sums are rounded.</summary>
    public required int Batch { get; init; }

    /// <summary>How images are made, in words.</summary>
    public required string Transform { get; init; }

    /// <summary>The vocabulary's name and the tokens of a caption that are used.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>The corpus' hash.</summary>
    public required string Corpus { get; init; }

    /// <summary>Pairs of the corpus.</summary>
    public required long Samples { get; init; }

    /// <summary>Pairs of a part at least, but of the last.</summary>
    public required int PartSize { get; init; }

    [JsonIgnore]
    public bool HasImages => What != EmbeddingContent.Texts;

    [JsonIgnore]
    public bool HasTexts => What != EmbeddingContent.Images;

    /// <summary>Cuts a corpus into parts of whole groups of rows, so that no group is read twice.</summary>
    public IReadOnlyList<(long First, long End)> Parts(CorpusManifest corpus)
    {
        var parts = new List<(long, long)>();
        long first = 0,
            end = 0;
        foreach (var samples in corpus.GroupRows)
        {
            end += samples;
            if (end - first < PartSize)
                continue;
            parts.Add((first, end));
            first = end;
        }

        if (end > first)
            parts.Add((first, end));
        return parts;
    }
}

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

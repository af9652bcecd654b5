using System.Text.Json.Serialization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Embedding;

/// <summary>Content of the pairs to embed.</summary>
public enum EmbeddingContent
{
    Images,
    Texts,
    Both,
}

/// <summary>
/// Content of <c>embed.json</c>: everything that the embeddings of a folder depend on. Work in a folder continues only
/// with an equal plan, so that interruptions do not change the result. Thread counts are excluded, because they change
/// at most the last bits.
/// </summary>
public sealed record EmbeddingPlan
{
    public int FormatVersion { get; init; } = 1;

    /// <summary>SHA-256 of the weights.</summary>
    public required string Model { get; init; }

    /// <summary>Dimension D of an embedding, which has unit length.</summary>
    public required int Dimensions { get; init; }

    public required EmbeddingContent What { get; init; }

    /// <summary>Compute precision of the towers; embeddings are fp32.</summary>
    public required Precision Precision { get; init; }

    /// <summary>Batch size in pairs, which affects rounding.</summary>
    public required int Batch { get; init; }

    /// <summary>Description of the image preprocessing.</summary>
    public required string Transform { get; init; }

    /// <summary>Name of the vocabulary, and context length in tokens.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>Hash of the corpus.</summary>
    public required string Corpus { get; init; }

    /// <summary>Pairs in the corpus.</summary>
    public required long Samples { get; init; }

    /// <summary>Minimum number of pairs per part, except the last.</summary>
    public required int PartSize { get; init; }

    [JsonIgnore]
    public bool HasImages => What != EmbeddingContent.Texts;

    [JsonIgnore]
    public bool HasTexts => What != EmbeddingContent.Images;

    /// <summary>Splits a corpus into parts of whole row groups, so that no row group is read twice.</summary>
    public IReadOnlyList<(long First, long End)> Parts(CorpusManifest corpus)
    {
        var parts = new List<(long, long)>();
        long first = 0,
            end = 0;
        foreach (var samples in corpus.RowGroupRows)
        {
            end += samples;
            if (end - first < PartSize)
            {
                continue;
            }

            parts.Add((first, end));
            first = end;
        }

        if (end > first)
        {
            parts.Add((first, end));
        }

        return parts;
    }
}

/// <summary>Names of a corpus's files relative to their common folder, so that moving it does not change the embeddings.</summary>
public sealed class CorpusFileNames
{
    private readonly string _folder;

    public CorpusFileNames(IReadOnlyList<CorpusFile> files)
    {
        _folder = Path.GetDirectoryName(files[0].Path)!;
        while (files.Any(file => Path.GetRelativePath(_folder, file.Path).StartsWith("..", StringComparison.Ordinal)))
        {
            _folder = Path.GetDirectoryName(_folder)!;
        }
    }

    /// <summary>Relative name of a file, with forward slashes.</summary>
    public string this[string path] => Path.GetRelativePath(_folder, path).Replace(Path.DirectorySeparatorChar, '/');
}

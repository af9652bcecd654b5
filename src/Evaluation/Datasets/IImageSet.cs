namespace ClipTrain.Evaluation.Datasets;

/// <summary>One image of a set.</summary>
/// <param name="Key">Where it lies, for messages: file and row, or path.</param>
/// <param name="Image">The image file's bytes.</param>
/// <param name="Label">Its class as the set writes it; null where it has none.</param>
/// <param name="Captions">Its captions.</param>
/// <param name="Group">The value of the column by which rows belong to one image; null for an image of its own.</param>
/// <param name="Attributes">The values of the columns that were asked for, in their order.</param>
public sealed record SetRow(
    string Key,
    byte[] Image,
    string? Label,
    IReadOnlyList<string> Captions,
    string? Group,
    IReadOnlyList<string?> Attributes
);

/// <summary>A set of images as it lies on disk.</summary>
public interface IImageSet
{
    /// <summary>Names of the classes in the order of their numbers, where the layout has them; else none.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>Prompt templates that lie with the set; else none.</summary>
    IReadOnlyList<string> Templates { get; }

    /// <summary>The files that the set consists of, for telling whether it has changed.</summary>
    IEnumerable<string> Files { get; }

    /// <summary>Number of rows; null where only reading tells.</summary>
    long? Count { get; }

    /// <summary>True if rows can have captions.</summary>
    bool HasCaptions { get; }

    /// <summary>True if rows can have labels.</summary>
    bool HasLabels { get; }

    /// <summary>All rows, the same order each time.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A file cannot be read.</exception>
    IEnumerable<SetRow> Rows();
}

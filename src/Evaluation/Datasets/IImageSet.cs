namespace ClipTrain.Evaluation.Datasets;

/// <summary>One image of a set.</summary>
/// <param name="Key">Location for messages: file and row, or path.</param>
/// <param name="Image">Content of the image file.</param>
/// <param name="Label">Its class label in the set; null if it has none.</param>
/// <param name="Captions">Its captions.</param>
/// <param name="Group">Value of the column that groups rows of the same image; null if the row stands alone.</param>
/// <param name="Attributes">Values of the requested columns, in order.</param>
public sealed record SetRow(
    string Key,
    byte[] Image,
    string? Label,
    IReadOnlyList<string> Captions,
    string? Group,
    IReadOnlyList<string?> Attributes
);

/// <summary>A set of images on disk.</summary>
public interface IImageSet
{
    /// <summary>Class names by class number; empty if the layout has none.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>Prompt templates that come with the set; empty if there are none.</summary>
    IReadOnlyList<string> Templates { get; }

    /// <summary>The files of the set, to detect changes.</summary>
    IEnumerable<string> Files { get; }

    /// <summary>Number of rows; null if unknown before reading.</summary>
    long? Count { get; }

    /// <summary>True if rows can have captions.</summary>
    bool HasCaptions { get; }

    /// <summary>True if rows can have labels.</summary>
    bool HasLabels { get; }

    /// <summary>All rows, always in the same order.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A file cannot be read.</exception>
    IEnumerable<SetRow> Rows();
}

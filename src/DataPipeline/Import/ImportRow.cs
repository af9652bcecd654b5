namespace ClipTrain.DataPipeline.Import;

/// <summary>One pair that is imported.</summary>
/// <param name="Path">The image file's name in its source; relative, with forward slashes.</param>
/// <param name="Image">The image file's bytes, as they were found.</param>
/// <param name="Captions">The captions; none, or blank, where the source has none.</param>
/// <param name="Extra">What else the source says of the pair, as text; a name that comes twice counts once.</param>
internal sealed record ImportRow(
    string Path,
    byte[] Image,
    IReadOnlyList<string> Captions,
    IReadOnlyList<KeyValuePair<string, string?>> Extra
);

/// <summary>A pair that has been found but not yet made: making it is what several threads do at once.</summary>
/// <param name="Place">Where it is, as in <c>pairs.csv:12</c> or <c>00000.tar:000123</c>.</param>
/// <param name="Position">How much of its input has been read, in the unit of <see cref="ImportInput.Size"/>.</param>
/// <param name="Bytes">What it holds in memory already.</param>
/// <param name="Make">Makes the row; throws <see cref="ImportRowException"/> where it cannot be used.</param>
internal sealed record PendingRow(string Place, long Position, long Bytes, Func<ImportRow> Make);

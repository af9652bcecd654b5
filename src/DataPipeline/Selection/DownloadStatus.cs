using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>img2dataset writes a row for each address, with no image where the download failed.</summary>
internal static class DownloadStatus
{
    private const string Status = "status";

    /// <summary>The rule that leaves failed downloads out; null for a corpus that img2dataset has not written.</summary>
    public static FilterRule? Of(CorpusManifest manifest) =>
        manifest.Columns.Any(c => c is { Name: Status, Type: "VARCHAR" }) && manifest.Columns.Any(c => c.Name == "error_message")
            ? new FilterRule("downloaded", $"{Status} = 'success'", Status)
            : null;
}

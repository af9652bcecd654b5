using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Evaluation;

/// <summary>
/// Opener of evaluation splits. Columns come from the split, else from the run, else from detection by usual names.
/// </summary>
/// <param name="run">The run's options.</param>
/// <param name="onChoice">Receives a message if other columns would have fitted, or if the columns are not the run's.</param>
public sealed class SplitCorpus(RunOptions run, Action<string> onChoice)
{
    /// <param name="name">Name of the split.</param>
    /// <param name="data">Files of the split.</param>
    /// <param name="columns">Columns named by the split.</param>
    /// <param name="content">Which captions are needed.</param>
    /// <exception cref="CorpusException">A file cannot be read, or lacks a column.</exception>
    public CorpusManifest Open(string name, IReadOnlyList<string> data, SplitColumns columns, SplitContent content)
    {
        var there = CorpusManifest.ColumnsOf(data);
        var image = columns.Image ?? Of([run.Data.ImageColumn]).FirstOrDefault();
        var captions = columns.Captions ?? Of(run.Data.CaptionColumn ?? []);
        var manifest = CorpusManifest.Create(
            data,
            new CorpusColumns
            {
                Image = image,
                Captions = captions,
                CaptionRequired = content != SplitContent.Labels,
                EveryCaption = content == SplitContent.EveryCaption,
            }
        );
        var isNotTheRuns =
            (image is null && run.Data.ImageColumn is not null)
            || (captions.Count == 0 && run.Data.CaptionColumn is not null && content != SplitContent.Labels);
        if (manifest.ColumnsTaken is { } taken)
        {
            onChoice($"Evaluation split {name}: {taken}");
        }
        else if (isNotTheRuns)
        {
            onChoice(
                $"Evaluation split {name} lacks the run's columns; using image column {manifest.Image.Name}, caption column "
                    + $"{manifest.Caption?.Name ?? "none"}"
            );
        }

        return CorpusSelector.Select(manifest, new SelectionOptions());

        string[] Of(IEnumerable<string?> names) =>
            [
                .. names
                    .OfType<string>()
                    .Where(column =>
                        there.Any(other => column == other.Name || column.StartsWith(other.Name + ".", StringComparison.Ordinal))
                    ),
            ];
    }
}

/// <summary>Columns named by a split.</summary>
public sealed record SplitColumns(string? Image, IReadOnlyList<string>? Captions);

/// <summary>Content of a split's rows that is used besides the image.</summary>
public enum SplitContent
{
    Labels,
    EveryCaption,
}

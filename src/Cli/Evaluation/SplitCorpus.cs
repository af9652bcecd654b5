using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Opens the corpora of evaluation splits with the columns that the split names, else those of the run, else the usual ones.</summary>
/// <param name="run">The run.</param>
/// <param name="onChoice">Told which columns are taken where others would have fitted, or where they are not the run's.</param>
public sealed class SplitCorpus(RunOptions run, Action<string> onChoice)
{
    /// <param name="name">The split's name.</param>
    /// <param name="data">Its files.</param>
    /// <param name="columns">The columns that it names.</param>
    /// <param name="content">Whether captions are needed, and whether all of them.</param>
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
            onChoice($"Evaluation split {name}: {taken}");
        else if (isNotTheRuns)
            onChoice(
                $"Evaluation split {name} has not the run's columns: image column {manifest.Image.Name}, caption column "
                    + $"{manifest.Caption?.Name ?? "none"}"
            );
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

/// <summary>The columns that a split names.</summary>
public sealed record SplitColumns(string? Image, IReadOnlyList<string>? Captions);

/// <summary>What of a split's rows is used beside the image.</summary>
public enum SplitContent
{
    Labels,
    EveryCaption,
}

using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Import;
using ClipTrain.Weights.Tensors;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>Draws what came of an import.</summary>
internal static class ImportTables
{
    public static IEnumerable<Table> Draw(ImportState state)
    {
        yield return Counts(
            "import",
            [
                new("pairs", state.Tally.Rows),
                new("bytes of images", state.Tally.ImageBytes),
                new("files", state.Shards.Count),
                new("bytes of files", state.Shards.Sum(s => s.Bytes)),
                new("failures", state.Tally.Failures()),
            ]
        );
        if (state.Tally.Reasons.Count > 0)
            yield return Counts("failures", state.Tally.Reasons);
        if (state.Tally.LeftOut.Count > 0)
            yield return Counts("values that no column was made for, as the first rows have none", state.Tally.LeftOut);
    }

    private static Table Counts(string title, IEnumerable<KeyValuePair<string, long>> counts)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn(title).AddColumn(new TableColumn("").RightAligned());
        foreach (var (name, count) in counts)
            table.AddRow(new Text(name), new Text(Readable.Count(count)));
        return table;
    }
}

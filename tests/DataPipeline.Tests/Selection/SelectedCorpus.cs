using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.DataPipeline.Tests.Corpus;

namespace ClipTrain.DataPipeline.Tests.Selection;

/// <summary>Corpora of numbered rows, and the rows left by a selection.</summary>
internal static class SelectedCorpus
{
    /// <summary>
    /// A file of <paramref name="rows"/> rows from <paramref name="first"/> on, in row groups of 2,048, each with a few columns to select
    /// by.
    /// </summary>
    public static string Write(TemporaryFolder folder, string name, int rows, int first = 0) =>
        TestCorpus.WriteSql(
            folder,
            name,
            $$"""
            SELECT ('\x' || printf('%02x', i % 256) || 'image' || i)::BLOB AS image, 'caption ' || i AS text, i AS number,
            i / 1000.0 AS clip_score,
            CASE WHEN i % 3 = 0 THEN NULL ELSE 200 + i END AS width, ['a', 'b' || i % 2] AS tags FROM range({{first}}, {{first
                + rows}}) t(i)
            """
        );

    /// <summary>The numbers in the captions of all samples, read through the manifest's own numbering.</summary>
    public static int[] Numbers(CorpusManifest manifest)
    {
        using var reader = new CorpusReader(manifest);
        return [.. reader.ReadRows(0, (int)manifest.SampleCount).Select(sample => int.Parse(sample.Caption!.Split(' ')[1]))];
    }

    public static int[] Numbers(CorpusManifest manifest, SelectionOptions options) => Numbers(CorpusSelector.Select(manifest, options));
}

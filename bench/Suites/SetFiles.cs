using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Bench.Suites;

/// <summary>Parquet files of evaluation sets, made of consecutive images of one labelled file.</summary>
internal static class SetFiles
{
    private const int RowGroupRows = 1000;

    /// <summary>Writes the files, spread evenly over the images. Returns their paths.</summary>
    public static IReadOnlyList<string> Write(string data, string folder, int sets, int images)
    {
        var source = ImageSets.Open(new SetOptions { Name = data, Data = [data] }, [data], new DefaultColumns());
        var rows = source.Rows().ToList();
        return [.. Enumerable.Range(0, sets).Select(Path)];

        string Path(int set)
        {
            var path = System.IO.Path.Combine(folder, $"set-{set}.parquet");
            var first = sets == 1 ? 0 : (int)((long)set * (rows.Count - images) / (sets - 1));
            using var writer = new CorpusWriter(path, RowGroupRows, extraColumns: ["label"]);
            foreach (var row in rows.GetRange(first, images))
            {
                var name = source.ClassNames[int.Parse(row.Label!, System.Globalization.CultureInfo.InvariantCulture)];
                writer.Add(row.Image, name, [name]);
            }

            writer.Complete();
            return path;
        }
    }
}

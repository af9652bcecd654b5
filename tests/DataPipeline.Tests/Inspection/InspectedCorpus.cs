using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Tests.Images;
using ClipTrain.DataPipeline.Tests.Import;

namespace ClipTrain.DataPipeline.Tests.Inspection;

/// <summary>Sixty pairs with small JPEGs, and eight rows that are special.</summary>
internal static class InspectedCorpus
{
    public const int Good = 60,
        Rows = Good + 8;
    public const string Long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";

    public static string Write(TemporaryFolder folder, string name = "a.parquet")
    {
        var path = folder.File(name);
        using var writer = new CorpusWriter(path, rowGroupRows: 25);
        for (var i = 0; i < Good; i++)
        {
            writer.Add(Pictures.Jpeg(i), $"caption {i}");
        }

        var png = Convert.FromBase64String(ImageHeaderTests.Png);
        writer.Add(png, "一只狗");
        writer.Add(png, Long);
        writer.Add(png, Long);
        writer.Add("no image"u8, "broken");
        writer.Add(Pictures.Jpeg(1)[..200], "cut off");
        writer.Add([], "nothing");
        writer.Add(Pictures.Jpeg(2), "  ");
        writer.Add(Pictures.Jpeg(3), null);
        writer.Complete();
        return path;
    }
}

using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Reads a few images of a set again, to show them.</summary>
internal static class Pictures
{
    /// <summary>JPEGs of some images, by their number among the embedded ones.</summary>
    public static IReadOnlyDictionary<int, byte[]> Of(IImageSet set, IReadOnlyList<SetImage> images, IEnumerable<int> wanted)
    {
        var numbers = wanted.Distinct().ToDictionary(image => images[image].Row);
        var pictures = new Dictionary<int, byte[]>();
        if (numbers.Count == 0)
            return pictures;
        using var maker = new PictureMaker(new ImageTransformOptions(32));
        var last = numbers.Keys.Max();
        foreach (var (number, row) in set.Rows().Index())
        {
            if (numbers.TryGetValue(number, out var image))
            {
                try
                {
                    pictures[image] = maker.Original(row.Image).Jpeg;
                }
                catch (ImageDecodeException)
                {
                    // It has changed since it was embedded; the report shows the others.
                }
            }

            if (number >= last)
                break;
        }

        return pictures;
    }
}

using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Reads selected images of a set again, for display.</summary>
internal static class Pictures
{
    /// <summary>JPEGs of images, by their index among the embedded images.</summary>
    public static IReadOnlyDictionary<int, byte[]> Of(IImageSet set, IReadOnlyList<SetImage> images, IEnumerable<int> wanted)
    {
        var numbers = wanted.Distinct().ToDictionary(image => images[image].Row);
        var pictures = new Dictionary<int, byte[]>();
        if (numbers.Count == 0)
        {
            return pictures;
        }

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
                    // The image has changed since it was embedded; the report shows the others.
                }
            }

            if (number >= last)
            {
                break;
            }
        }

        return pictures;
    }
}

using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace ClipTrain.Bench.Overlap;

/// <summary>Ways in which a picture comes into a corpus a second time. Strengths are drawn from the given generator.</summary>
internal static class PlantedCopies
{
    /// <summary>Quality of copies that are not about encoding.</summary>
    private const int GoodQuality = 90;

    public static IReadOnlyList<string> Kinds { get; } = ["crop", "colours", "re-encoded", "rotated", "border", "blurred", "mirrored"];

    public static byte[] Copy(byte[] file, string kind, Random random)
    {
        using var picture = Image.Load<Rgb24>(file);
        double Draw(double low, double high) => low + (random.NextDouble() * (high - low));
        var quality = GoodQuality;
        switch (kind)
        {
            case "crop":
                // 60 to 90% of the area, at a random place.
                var share = Math.Sqrt(Draw(0.6, 0.9));
                var (width, height) = ((int)(picture.Width * share), (int)(picture.Height * share));
                var corner = new Point(random.Next(picture.Width - width + 1), random.Next(picture.Height - height + 1));
                picture.Mutate(on => on.Crop(new Rectangle(corner, new Size(width, height))));
                break;
            case "colours":
                var (light, contrast, saturation, hue) = (Draw(0.7, 1.3), Draw(0.7, 1.3), Draw(0.5, 1.5), Draw(-20, 20));
                picture.Mutate(on => on.Brightness((float)light).Contrast((float)contrast).Saturate((float)saturation).Hue((float)hue));
                break;
            case "re-encoded":
                var scale = Draw(0.4, 0.8);
                picture.Mutate(on => on.Resize((int)(picture.Width * scale), (int)(picture.Height * scale)));
                quality = random.Next(20, 50);
                break;
            case "rotated":
                var degrees = Draw(3, 10) * (random.Next(2) == 0 ? 1 : -1);
                var size = picture.Size();
                picture.Mutate(on => on.Rotate((float)degrees).BackgroundColor(Color.White));
                var inside = new Rectangle(new Point((picture.Width - size.Width) / 2, (picture.Height - size.Height) / 2), size);
                picture.Mutate(on => on.Crop(inside));
                break;
            case "blurred":
                // A standard deviation of 1 to 3% of the side.
                var sigma = picture.Width * Draw(0.01, 0.03);
                picture.Mutate(on => on.GaussianBlur((float)sigma));
                break;
            case "mirrored":
                picture.Mutate(on => on.Flip(FlipMode.Horizontal));
                break;
            default:
                // 5 to 15% of the side, all round, in a random colour.
                var margin = (int)(picture.Width * Draw(0.05, 0.15));
                var colour = Color.FromRgb((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
                picture.Mutate(on => on.Pad(picture.Width + (2 * margin), picture.Height + (2 * margin), colour));
                break;
        }

        using var stream = new MemoryStream();
        picture.Save(stream, new JpegEncoder { Quality = quality });
        return stream.ToArray();
    }
}

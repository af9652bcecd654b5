using ClipTrain.DataPipeline.Images;

namespace ClipTrain.DataPipeline.Tests.Images;

/// <summary>Kernels of augmentation compared with their formulas in double precision.</summary>
public sealed class AugmentationKernelTests
{
    private const uint Background = 0x80FF10;

    /// <summary>Weights have 8 bits, and each of two passes rounds.</summary>
    private const double Levels = 2;

    [Fact]
    public void Turning_by_a_right_angle_moves_pixels_counter_clockwise_and_four_turns_give_the_picture_back()
    {
        const int Side = 7;
        var square = Picture(Side);
        var kernel = new WarpKernel(Side);
        kernel.Apply(square, degrees: 90, border: 0, Background);
        var original = Picture(Side);
        for (var y = 0; y < Side; y++)
        {
            for (var x = 0; x < Side; x++)
            {
                Assert.Equal(original[(x * Side) + Side - 1 - y], square[(y * Side) + x]);
            }
        }

        for (var turn = 1; turn < 4; turn++)
        {
            kernel.Apply(square, degrees: 90, border: 0, Background);
        }

        Assert.Equal(original, square);
    }

    [Theory]
    [InlineData(8, 12, 0)]
    [InlineData(9, -7.5, 0.1)]
    [InlineData(33, 45, 0.2)]
    [InlineData(1, 30, 0.1)]
    public void Rotation_and_border_are_bilinear(int side, double degrees, double border)
    {
        var square = Picture(side);
        new WarpKernel(side).Apply(square, degrees, border, Background);
        var original = Picture(side);
        var (sin, cos) = Math.SinCos(degrees * Math.PI / 180);
        var (centre, scale) = ((side - 1) / 2.0, 1 / (1 - (2 * border)));
        AssertNear(
            side,
            square,
            (x, y, channel) =>
            {
                var (dx, dy) = ((x - centre) * scale, (y - centre) * scale);
                var (sourceX, sourceY) = (centre + (cos * dx) - (sin * dy), centre + (sin * dx) + (cos * dy));
                var (left, top) = ((int)Math.Floor(sourceX), (int)Math.Floor(sourceY));
                var (right, down) = (sourceX - left, sourceY - top);
                return (At(left, top) * (1 - right) * (1 - down))
                    + (At(left + 1, top) * right * (1 - down))
                    + (At(left, top + 1) * (1 - right) * down)
                    + (At(left + 1, top + 1) * right * down);

                double At(int column, int row) =>
                    Channel(column >= 0 && column < side && row >= 0 && row < side ? original[(row * side) + column] : Background, channel);
            }
        );
    }

    [Fact]
    public void A_border_has_its_width_on_each_side()
    {
        const int Side = 16;
        var square = Enumerable.Repeat(0x203040u, Side * Side).ToArray();
        new WarpKernel(Side).Apply(square, degrees: 0, border: 0.25, Background);
        for (var i = 0; i < square.Length; i++)
        {
            var inside = i / Side is >= 4 and < 12 && i % Side is >= 4 and < 12;
            Assert.Equal(inside ? 0x203040u : Background, square[i]);
        }
    }

    [Theory]
    [InlineData(5, 0.1)]
    [InlineData(9, 0.6)]
    [InlineData(24, 1.3)]
    [InlineData(31, 4)]
    [InlineData(6, 10)]
    [InlineData(1, 1)]
    public void Blur_is_the_mean_under_a_Gaussian_with_mirrored_edges(int side, double sigma)
    {
        var kernel = new BlurKernel(side);
        // A wider kernel before leaves nothing behind.
        kernel.Blur(Picture(side), 5);
        var square = Picture(side);
        kernel.Blur(square, sigma);

        var original = Picture(side);
        var radius = Math.Min((int)Math.Ceiling(3 * sigma), side - 1);
        double[] weights = [.. Enumerable.Range(-radius, (2 * radius) + 1).Select(d => Math.Exp(-0.5 * d * d / (sigma * sigma)))];
        var total = weights.Sum();
        AssertNear(
            side,
            square,
            (x, y, channel) =>
                weights
                    .Index()
                    .Sum(row =>
                        weights
                            .Index()
                            .Sum(column =>
                                row.Item
                                * column.Item
                                / (total * total)
                                * Channel(
                                    original[(Mirrored(y + row.Index - radius) * side) + Mirrored(x + column.Index - radius)],
                                    channel
                                )
                            )
                    )
        );

        int Mirrored(int place) =>
            place < 0 ? -place
            : place >= side ? (2 * (side - 1)) - place
            : place;
    }

    [Fact]
    public void Compression_is_encoding_and_decoding_and_worse_at_lower_quality()
    {
        const int Side = 24;
        using var kernel = new JpegRoundTrip(Side);
        Assert.True(Error(5) > Error(40));
        Assert.True(Error(40) > Error(95));
        using var picture = new PixelBuffer();
        using var decoder = new ImageDecoder();
        picture.Resize(Side, Side);
        Picture(Side).CopyTo(Span(picture));
        decoder.Decode(JpegEncoder.Encode(picture, 40), picture);
        Assert.Equal(Span(picture).ToArray(), Compressed(40));

        uint[] Compressed(double quality)
        {
            var square = Picture(Side);
            kernel.Apply(square, quality);
            return square;
        }

        double Error(double quality) =>
            Compressed(quality)
                .Zip(Picture(Side))
                .Sum(pair => Enumerable.Range(0, 3).Sum(c => Math.Abs(Channel(pair.First, c) - Channel(pair.Second, c))));

        static unsafe Span<uint> Span(PixelBuffer buffer) => new(buffer.Pixels, Side * Side);
    }

    private static uint[] Picture(int side) =>
        [.. Enumerable.Range(0, side * side).Select(i => (uint)((i * 37 % 256) | (i * i % 256 << 8) | (i % 7 * 42 << 16)))];

    private static double Channel(uint pixel, int channel) => (pixel >> (8 * channel)) & 0xFF;

    private static void AssertNear(int side, uint[] square, Func<int, int, int, double> expected)
    {
        for (var i = 0; i < square.Length; i++)
        {
            for (var channel = 0; channel < 3; channel++)
            {
                Assert.Equal(expected(i % side, i / side, channel), Channel(square[i], channel), Levels);
            }
        }
    }
}

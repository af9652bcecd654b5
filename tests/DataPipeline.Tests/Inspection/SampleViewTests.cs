using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Inspection;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Tests.Corpus;
using ClipTrain.DataPipeline.Tests.Import;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Tests.Inspection;

public sealed class SampleViewTests : IDisposable
{
    private const int Size = 16;
    private static readonly ImageTransformOptions Options = new(Size) { MinScale = 0.2 };

    private readonly TemporaryFolder _folder = new();
    private readonly CorpusManifest _manifest;
    private readonly IReadOnlyList<SampleView> _views;

    public SampleViewTests()
    {
        _manifest = CorpusManifest.Create([InspectedCorpus.Write(_folder)]);
        _views = View();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sample_has_its_original_and_an_image_for_each_epoch()
    {
        var pictures = _views[7].Pictures!;

        Assert.Equal((_manifest.Key(7), "caption 7"), (_views[7].Key, _views[7].Caption));
        Assert.Equal((12, 8), (pictures.Width, pictures.Height));
        Assert.Equal((12, 8), SizeOf(pictures.Original));
        Assert.Equal([(Size, Size), (Size, Size), (Size, Size)], pictures.Augmented.Select(SizeOf));
    }

    [Fact]
    public unsafe void The_image_of_an_epoch_is_what_training_sees_in_it()
    {
        using var transform = new ClipImageTransform(Options with { Type = ImageType.UInt8 });
        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        var chw = new byte[3 * Size * Size];
        var random = new CounterRandom(5, epoch: 2, sample: 7);
        transform.Train(Pictures.Jpeg(7), ref random, chw);

        var errors = new double[3];
        for (var epoch = 0; epoch < 3; epoch++)
        {
            decoder.Decode(_views[7].Pictures!.Augmented[epoch], pixels);
            for (var i = 0; i < chw.Length; i++)
            {
                var c = i / (Size * Size);
                errors[epoch] += Math.Abs((double)chw[i] - pixels.Pixels[(i % (Size * Size) * PixelBuffer.BytesPerPixel) + c]) / chw.Length;
            }
        }

        // JPEG's loss on an image that is nearly noise.
        Assert.InRange(errors[2], 0, 7);
        Assert.All(errors[..2], error => Assert.True(error > 2 * errors[2], $"{error} {errors[2]}"));
    }

    [Fact]
    public void Tokens_are_text_again_and_those_cut_are_counted()
    {
        Assert.Equal(["caption", "7"], _views[7].Tokens.Select(token => token.Text), StringComparer.Ordinal);
        Assert.Equal((14, 2), (_views[61].Tokens.Count, _views[61].CutTokens));
        Assert.Empty(_views[67].Tokens);
    }

    [Fact]
    public void What_cannot_be_used_says_why()
    {
        Assert.All(new[] { 63, 64, 65 }, row => Assert.True(_views[row] is { Pictures: null, Problem.Length: > 0 }));
        Assert.All(new[] { 66, 67 }, row => Assert.NotNull(_views[row].Pictures));
    }

    [Fact]
    public void A_view_is_the_same_every_time() =>
        Assert.Equal(_views.SelectMany(view => view.Pictures?.Augmented ?? []), View().SelectMany(view => view.Pictures?.Augmented ?? []));

    private List<SampleView> View() =>
        [
            .. new SampleViewer(BpeTokenizer.OpenAi(16), new TokenDecoder(MergeList.OpenAi()), Options, seed: 5, epochs: 3).Draw(
                _manifest,
                RowChoice.All(_manifest),
                default
            ),
        ];

    private static (int Width, int Height) SizeOf(byte[] jpeg)
    {
        using var decoder = new ImageDecoder();
        using var pixels = new PixelBuffer();
        decoder.Decode(jpeg, pixels);
        return (pixels.Width, pixels.Height);
    }
}

using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>A sample as people and as training see it.</summary>
/// <param name="Key"><c>file:row</c>.</param>
/// <param name="Caption">Null where there is none.</param>
/// <param name="Tokens">The caption's tokens that fit, as text, without start and end.</param>
/// <param name="CutTokens">How many do not fit.</param>
/// <param name="Pictures">Null when the image cannot be used.</param>
/// <param name="Problem">Why it cannot be used.</param>
public sealed record SampleView(
    string Key,
    string? Caption,
    IReadOnlyList<TokenText> Tokens,
    int CutTokens,
    SamplePictures? Pictures,
    string? Problem
);

/// <summary>A sample's image.</summary>
/// <param name="Width">Pixels of the original.</param>
/// <param name="Height">Pixels of the original.</param>
/// <param name="Original">JPEG of the whole, made smaller.</param>
/// <param name="Augmented">JPEGs of what the first epochs train on.</param>
public sealed record SamplePictures(int Width, int Height, byte[] Original, IReadOnlyList<byte[]> Augmented);

/// <summary>Draws samples with what training makes of them.</summary>
/// <param name="tokenizer">The model's.</param>
/// <param name="decoder">Of the same vocabulary.</param>
/// <param name="augmentation">How training draws crops.</param>
/// <param name="seed">The run's seed: crop e is what epoch e of that run trains on.</param>
/// <param name="epochs">Crops of each.</param>
public sealed class SampleViewer(ITokenizer tokenizer, TokenDecoder decoder, ImageTransformOptions augmentation, ulong seed, int epochs)
{
    /// <summary>The chosen samples, in the corpus' order.</summary>
    /// <exception cref="CorpusException">A file cannot be read.</exception>
    public IEnumerable<SampleView> Draw(CorpusManifest manifest, RowChoice choice, CancellationToken cancellation)
    {
        var scan = new ParallelScan<PictureMaker, SampleView>(
            () => new PictureMaker(augmentation),
            (maker, rows, row) => View(maker, manifest.Key(row.Index), row.Index, rows.Image(row.Row), rows.Caption(row.Row))
        );
        foreach (var rows in scan.Run(manifest, choice, cancellation))
        {
            if (rows.Failure is not null)
                throw rows.Failure;
            foreach (var view in rows.Results)
                yield return view;
        }
    }

    private SampleView View(PictureMaker maker, string key, long index, ReadOnlySpan<byte> image, string? caption)
    {
        var (tokens, cut) = Tokens(caption ?? "");
        try
        {
            var (width, height, original) = maker.Original(image);
            var augmented = new List<byte[]>();
            for (var epoch = 0; epoch < epochs; epoch++)
                augmented.Add(maker.Augmented(image, RandomStreams.Of(RandomPurpose.Augmentation, seed, epoch, index)));
            return new SampleView(key, caption, tokens, cut, new SamplePictures(width, height, original, augmented), Problem: null);
        }
        catch (ImageDecodeException e)
        {
            return new SampleView(key, caption, tokens, cut, Pictures: null, e.Message);
        }
    }

    private (IReadOnlyList<TokenText> Tokens, int Cut) Tokens(string caption)
    {
        var tokens = new long[tokenizer.ContextLength];
        var encoded = tokenizer.Encode(caption, tokens, first: 0);
        return (decoder.Decode(tokens.AsSpan(1, encoded.Length - encoded.Excess)), encoded.Excess);
    }
}

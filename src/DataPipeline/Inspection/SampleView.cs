using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>A sample as stored and as seen in training.</summary>
/// <param name="Key"><c>file:row</c>.</param>
/// <param name="Caption">The caption, or null.</param>
/// <param name="Tokens">The caption's tokens that fit the context, as text, without start and end.</param>
/// <param name="CutTokens">Number of tokens that do not fit.</param>
/// <param name="Pictures">Its pictures; null if the image cannot be used.</param>
/// <param name="Problem">The reason why it cannot be used.</param>
public sealed record SampleView(
    string Key,
    string? Caption,
    IReadOnlyList<TokenText> Tokens,
    int CutTokens,
    SamplePictures? Pictures,
    string? Problem
);

/// <summary>Pictures of a sample.</summary>
/// <param name="Width">Width of the original in pixels.</param>
/// <param name="Height">Height of the original in pixels.</param>
/// <param name="Original">JPEG of the whole image, shrunk.</param>
/// <param name="Augmented">JPEGs of the training views of the first epochs.</param>
public sealed record SamplePictures(int Width, int Height, byte[] Original, IReadOnlyList<byte[]> Augmented);

/// <summary>Draws samples together with their training views.</summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="decoder">Decoder of the same vocabulary.</param>
/// <param name="augmentation">The run's image transform.</param>
/// <param name="seed">The run's seed: view e is what epoch e of that run trains on.</param>
/// <param name="epochs">Number of training views per sample.</param>
public sealed class SampleViewer(ITokenizer tokenizer, TokenDecoder decoder, ImageTransformOptions augmentation, ulong seed, int epochs)
{
    /// <summary>The chosen samples, in corpus order.</summary>
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
            {
                throw rows.Failure;
            }

            foreach (var view in rows.Results)
            {
                yield return view;
            }
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
            {
                augmented.Add(maker.Augmented(image, RandomStreams.Of(RandomPurpose.Augmentation, seed, epoch, index)));
            }

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

using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Log-likelihood of a text as the caption of an image: Σ log p(token | image, preceding tokens) over its tokens and the end token,
/// which <see cref="CaptioningTask"/> maximises.
/// </summary>
/// <remarks>The decoder runs once for each pair of image and text.</remarks>
internal sealed class CaptionLikelihood(ClipModel model) : ITextLikelihood
{
    /// <summary>Number of predicted tokens whose logits over the vocabulary are held at once.</summary>
    private const long TileRows = 2048;

    public torch.Tensor Encode(torch.Tensor images_n3SS)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return model.EncodeImageTokens(images_n3SS).flatten(1).MoveToOuterDisposeScope();
    }

    public torch.Tensor LogLikelihood(torch.Tensor rows_nF, TokenizedTexts texts)
    {
        using var guard = no_grad();
        using var all = NewDisposeScope();
        var scores_np = empty([rows_nF.size(0), texts.Ends.Length], float32, rows_nF.device);
        var logits = new ClassLogits(MostRows(rows_nF.size(0), texts.Ends), model.Parameters[CaptionDecoder.TokenEmbedding], null);
        for (var text = 0; text < texts.Ends.Length; text++)
        {
            foreach (var (start, count) in RowTiles.Of(rows_nF.size(0), ImagesAtOnce(texts.Ends[text])))
            {
                using var scope = NewDisposeScope();
                var image_bPE = rows_nF.narrow(0, start, count).view([count, -1, model.Options.EmbedDim]);
                scores_np.narrow(0, start, count).select(1, text).copy_(LogLikelihood(image_bPE, texts, text, logits));
            }
        }

        return scores_np.MoveToOuterDisposeScope();
    }

    private static int ImagesAtOnce(long end) => (int)Math.Max(1, TileRows / end);

    /// <summary>Most tokens that are predicted at once.</summary>
    private static long MostRows(long images, IEnumerable<long> ends) =>
        ends.Select(end => end * Math.Min(images, ImagesAtOnce(end))).DefaultIfEmpty().Max();

    /// <summary>Log-likelihood b of one text.</summary>
    private torch.Tensor LogLikelihood(torch.Tensor image_bPE, TokenizedTexts texts, int text, ClassLogits logits)
    {
        var (images, end, device) = (image_bPE.size(0), texts.Ends[text], image_bPE.device);
        var length = model.CaptionLength(end);
        var tokens_L = texts.Tokens_pL.select(0, text).to(device);
        var rows_n = ((arange(images, int64) * length).unsqueeze(1) + arange(end, int64)).flatten().to(device);
        var features_nW = TowerPass.Forward(
            model.DecoderSegments(tokens_L.repeat([images, 1]), rows_n, length),
            image_bPE.to(model.Parameters.ComputeType)
        );
        var logits_nC = logits.Compute(features_nW);
        var next_n1 = tokens_L.narrow(0, 1, end).repeat([images]).unsqueeze(1);
        var next_n = logits_nC.gather(1, next_n1).squeeze(1);
        return (next_n - ClassLogits.Exponentiate(logits_nC).LogSumExp_R).view([images, end]).sum(1L);
    }
}

using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Mean log-probability of a text's distinct words, −ℓ of <see cref="BagOfWordsTask"/>. With logits z = weight · feature + bias, the
/// mean over words is the mean of their weights and biases, so a text is one linear score, less the logsumexp that all texts share.
/// </summary>
internal sealed class BagOfWordsLikelihood(ClipModel model) : ITextLikelihood
{
    /// <summary>Number of images whose logits over the vocabulary are held at once.</summary>
    private const int TileRows = 1024;

    public torch.Tensor Encode(torch.Tensor images_n3SS)
    {
        using var guard = no_grad();
        return TowerPass.Forward(model.FeatureSegments(), images_n3SS);
    }

    /// <remarks>A text without words has −∞.</remarks>
    public torch.Tensor LogLikelihood(torch.Tensor rows_nF, TokenizedTexts texts)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (weight_CF, bias_C) = (model.Parameters[ClassifierHead.Weight], model.Parameters[ClassifierHead.Bias]);
        var (weights, biases) = (new List<torch.Tensor>(), new List<torch.Tensor>());
        for (var text = 0; text < texts.Ends.Length; text++)
        {
            var words = BagOfWordsTask.Words(texts.TokensOf(text), texts.Ends[text]);
            var words_K = tensor(words).to(weight_CF.device);
            weights.Add(words.Length > 0 ? weight_CF.index_select(0, words_K).mean([0]) : zeros_like(weight_CF[0]));
            biases.Add(words.Length > 0 ? bias_C.index_select(0, words_K).mean() : full_like(bias_C[0], double.NegativeInfinity));
        }

        var (weight_pF, bias_p) = (stack(weights), stack(biases));
        var scores_np = empty([rows_nF.size(0), texts.Ends.Length], float32, rows_nF.device);
        var logits = new ClassLogits(Math.Min(TileRows, rows_nF.size(0)), weight_CF, bias_C);
        foreach (var (start, count) in RowTiles.Of(rows_nF.size(0), TileRows))
        {
            using var tile = NewDisposeScope();
            var rows_RF = rows_nF.narrow(0, start, count);
            var (total_R, _) = ClassLogits.Exponentiate(logits.Compute(rows_RF));
            scores_np.narrow(0, start, count).copy_(Products.Linear(rows_RF, weight_pF, bias_p) - total_R.unsqueeze(1));
        }

        return scores_np.MoveToOuterDisposeScope();
    }
}

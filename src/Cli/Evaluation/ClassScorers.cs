using ClipTrain.DataPipeline.Text;
using ClipTrain.Evaluation.ZeroShot;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>
/// The scores of classes for images: what differs between objectives in zero-shot classification. Shapes: b and n images, F what is
/// kept of each, c classes, t templates.
/// </summary>
internal interface IClassScorer
{
    /// <summary>Factor on the scores before the softmax over classes.</summary>
    double Scale { get; }

    /// <summary>Images b3SS → what the scores need of each, bF.</summary>
    torch.Tensor Encode(torch.Tensor images_b3SS);

    /// <summary>Scores nc, fp32 in host memory.</summary>
    /// <param name="rows_nF">Results of <see cref="Encode"/>, in host memory.</param>
    /// <param name="prompts">Prompts of the classes, [c × t].</param>
    /// <param name="templates">Number of prompts per class.</param>
    torch.Tensor Score(torch.Tensor rows_nF, string[] prompts, int templates);
}

/// <summary>Creates the scorer of a model's objective.</summary>
internal static class ClassScorers
{
    /// <param name="model">A model whose objective can name classes it was not trained on.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="textBatch">Number of texts embedded at once.</param>
    /// <param name="maxLogitScale">Bound of the logit scale.</param>
    public static IClassScorer Of(ClipModel model, ITokenizer tokenizer, int textBatch, double maxLogitScale) =>
        model.HasTextTower
            ? new SimilarityScorer(model, tokenizer, textBatch, model.LogitScaleFactor(maxLogitScale))
            : new LikelihoodScorer(TextLikelihood.Of(model), tokenizer, model.Parameters.Master.device);

    /// <summary>Cosine of the image and the normalised mean of the class's prompts (Radford et al. 2021, section 3.1).</summary>
    private sealed class SimilarityScorer(ClipModel model, ITokenizer tokenizer, int textBatch, double scale) : IClassScorer
    {
        public double Scale => scale;

        public torch.Tensor Encode(torch.Tensor images_b3SS) => model.EncodeImage(images_b3SS);

        public torch.Tensor Score(torch.Tensor rows_nF, string[] prompts, int templates)
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var prompts_ctD = TextEmbedding.Of(model, tokenizer, prompts, textBatch).view([-1, templates, rows_nF.size(1)]);
            return rows_nF.mm(ZeroShotClassifier.ClassEmbeddings(prompts_ctD).t()).MoveToOuterDisposeScope();
        }
    }

    /// <summary>
    /// Mean over templates of the prompt's log-likelihood given the image. Its softmax over the classes is their probability if all
    /// are equally frequent.
    /// </summary>
    private sealed class LikelihoodScorer(ITextLikelihood likelihood, ITokenizer tokenizer, torch.Device device) : IClassScorer
    {
        public double Scale => 1;

        public torch.Tensor Encode(torch.Tensor images_b3SS) => likelihood.Encode(images_b3SS);

        public torch.Tensor Score(torch.Tensor rows_nF, string[] prompts, int templates)
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            var scores_np = likelihood.LogLikelihood(rows_nF.to(device), TokenizedTexts.Of(tokenizer, prompts));
            return scores_np.view([rows_nF.size(0), -1, templates]).mean([2]).to(CPU).contiguous().MoveToOuterDisposeScope();
        }
    }
}

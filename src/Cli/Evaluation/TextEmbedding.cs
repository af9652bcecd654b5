using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Batched embedding of texts.</summary>
public static class TextEmbedding
{
    /// <summary>Returns unit embeddings [n, D] of texts in input order, in host memory.</summary>
    /// <param name="model">Model whose text tower is used.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="texts">At least one text; long texts are truncated to the model's context.</param>
    /// <param name="batch">Batch size.</param>
    public static torch.Tensor Of(ClipModel model, ITokenizer tokenizer, IEnumerable<string> texts, int batch)
    {
        using var guard = no_grad();
        var embeddings = new List<torch.Tensor>();
        foreach (var chunk in texts.Chunk(batch))
        {
            using var scope = NewDisposeScope();
            var (tokens_bL, ends) = TokenizedTexts.Of(tokenizer, chunk);
            var device = model.Parameters.Master.device;
            embeddings.Add(model.EncodeText(tokens_bL.to(device), tensor(ends).to(device), ends.Max()).to(CPU).MoveToOuterDisposeScope());
        }

        return cat([.. embeddings], 0);
    }
}

using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Embeddings of texts.</summary>
public static class TextEmbedding
{
    /// <summary>Unit embeddings nD of texts in their order, in host memory.</summary>
    /// <param name="model">Whose text tower is used.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="texts">At least one; long ones are cut to the model's context.</param>
    /// <param name="batch">Texts that run through the tower at once.</param>
    public static torch.Tensor Of(ClipModel model, ITokenizer tokenizer, IEnumerable<string> texts, int batch)
    {
        using var guard = no_grad();
        var context = model.Options.Text.Context;
        var embeddings = new List<torch.Tensor>();
        foreach (var chunk in texts.Chunk(batch))
        {
            using var scope = NewDisposeScope();
            var tokens = new long[chunk.Length * context];
            var ends = new long[chunk.Length];
            for (var i = 0; i < chunk.Length; i++)
                ends[i] = tokenizer.Encode(chunk[i], tokens.AsSpan(i * context, context));
            var device = model.Parameters.Master.device;
            var tokens_bL = tensor(tokens).view([chunk.Length, context]).to(device);
            embeddings.Add(model.EncodeText(tokens_bL, tensor(ends).to(device), ends.Max()).to(CPU).MoveToOuterDisposeScope());
        }

        return cat([.. embeddings], 0);
    }
}

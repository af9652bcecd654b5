using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;

namespace ClipTrain.Trainer.Interop;

/// <summary>A model that lies in files, ready to be read.</summary>
/// <param name="Options">What it is.</param>
/// <param name="Weights">Its weights, with our names.</param>
/// <param name="Preprocessing">How its images are made.</param>
/// <param name="Merges">Its vocabulary; null where its files do not say.</param>
public sealed record OpenedModel(ModelOptions Options, IWeights Weights, Preprocessing Preprocessing, MergeList? Merges) : IDisposable
{
    /// <summary>The learned bias of the sigmoid loss, which evaluation does without.</summary>
    public const string LogitBias = "logit_bias";

    /// <summary>Whether the model adds a learned bias to its logits.</summary>
    public bool HasLogitBias => Weights.Shapes.ContainsKey(LogitBias);

    /// <summary>The model with its weights, in fp32.</summary>
    /// <exception cref="CheckpointException">The weights are not the model's.</exception>
    public ClipModel Load()
    {
        var model = new ClipModel(Options, Precision.Fp32, seed: null);
        try
        {
            model.Parameters.LoadMaster(Weights);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose() => Weights.Dispose();
}

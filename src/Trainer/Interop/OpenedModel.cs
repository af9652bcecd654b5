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
/// <param name="Objective">What it was trained for, which says what parts it has.</param>
public sealed record OpenedModel(ModelOptions Options, IWeights Weights, Preprocessing Preprocessing, MergeList? Merges, Objective Objective) : IDisposable
{
    /// <summary>Whether the model adds a learned bias to its logits.</summary>
    public bool HasLogitBias => Objective == Objective.Sigmoid;

    /// <summary>The model with its weights, in fp32.</summary>
    /// <exception cref="CheckpointException">The weights are not the model's.</exception>
    public ClipModel Load()
    {
        var model = new ClipModel(Options, Precision.Fp32, seed: null, objective: Objective);
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

using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Tests.Reference;

namespace ClipTrain.Bench.OpenClip;

/// <summary>Models exchanged through <c>cliptrain export</c>: features before and after must be the same.</summary>
/// <param name="program">Path of cliptrain.</param>
internal sealed class Exchange(string program)
{
    /// <summary>
    /// True if open_clip's configuration can express the model. False if both compute the same function only for the batches or
    /// weights of this comparison.
    /// </summary>
    public static bool CanExport(ReferenceCase reference) =>
        reference.Model.Image.Pooling != ImagePooling.Average
        && reference.Model.Text is not { Attention: TextAttention.Bidirectional, Pooling: TextPooling.EndOfText };

    /// <summary>Features that open_clip computes from our export.</summary>
    public Dictionary<string, float[]> ToOpenClip(ReferenceCase reference, Peer peer)
    {
        var (model, folder) = (peer.PathOf("model.yaml"), peer.PathOf("for-open-clip"));
        File.WriteAllText(model, ConfigWriter.WriteModel(reference.Model));
        Export(peer.Weights, "--model", model, "--format", "open-clip", "-o", folder);
        return peer.Features(folder);
    }

    /// <summary>Features that we compute from a model that open_clip saved.</summary>
    public Dictionary<string, float[]> FromOpenClip(Peer peer, TrainingBatch batch)
    {
        var (saved, folder) = (peer.PathOf("of-open-clip"), peer.PathOf("for-us"));
        peer.Save(saved);
        Export(saved, "--format", "cliptrain", "-o", folder);
        using var opened = ModelFolder.Open(folder);
        using var model = opened.Load();
        return ReferenceOutputs.Features(model, batch);
    }

    private void Export(params string[] arguments) => Script.ClipTrain(program, ["export", .. arguments]);
}

using ClipTrain.DataPipeline.Images;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using TorchSharp;

namespace ClipTrain.Evaluation.Tests;

/// <summary>A model of three dimensions: an image is its mean colour, a text the colour that it names. Counts what it embeds.</summary>
internal sealed class ColourModel : IEvaluatedModel
{
    public int Embedded { get; private set; }

    public bool GivesNaN { get; init; }

    public string Name => "colours";

    public string WeightsHash => "colours";

    public ImageTransformOptions Transform { get; } = new(8) { Normalization = ImageNormalization.Clip };

    public double LogitScale => 10;

    public bool HasTexts { get; init; } = true;

    public (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS)
    {
        Embedded += (int)images_b3SS.size(0);
        var means_b3 = images_b3SS.mean([2, 3]) + torch.tensor([1.7923f, 1.7521f, 1.4802f]);
        if (GivesNaN)
        {
            means_b3 = means_b3 * float.NaN;
        }

        return (torch.nn.functional.normalize(means_b3 + 1e-6f, 2, -1), means_b3.clone());
    }

    public double PairLoss(torch.Tensor images_bD, torch.Tensor texts_bD)
    {
        using var scope = torch.NewDisposeScope();
        var logits_bb = LogitScale * images_bD.mm(texts_bD.t());
        var rows_b = logits_bb.logsumexp(0) + logits_bb.logsumexp(1);
        return ((rows_b / 2) - logits_bb.diagonal()).mean().item<float>();
    }

    public torch.Tensor EncodeTexts(IReadOnlyList<string> texts)
    {
        var rows = torch.full([texts.Count, 3], 0.05f);
        var values = rows.AsSpan<float>();
        for (var i = 0; i < texts.Count; i++)
        {
            foreach (var (channel, name) in new[] { "red", "green", "blue" }.Index().Select(entry => (entry.Index, entry.Item)))
            {
                values[(i * 3) + channel] += texts[i].Contains(name, StringComparison.Ordinal) ? 1 : 0;
            }
        }

        return torch.nn.functional.normalize(rows, 2, -1);
    }
}

using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>
/// Zero-shot classification (Radford et al. 2021, section 3.1): a class is the normalized mean of the embeddings of its prompts, and an
/// image belongs to the nearest class.
/// </summary>
public static class ZeroShotClassifier
{
    /// <summary>Fills a class name into a template's <c>{}</c>.</summary>
    public static string Prompt(string template, string className) => template.Replace("{}", className, StringComparison.Ordinal);

    /// <summary>Averages prompt embeddings [classes, templates, D] to unit class embeddings [classes, D].</summary>
    public static torch.Tensor ClassEmbeddings(torch.Tensor prompts_ctD) => nn.functional.normalize(prompts_ctD.mean([1]), 2, -1);

    /// <summary>
    /// Predicts the class of each image. A class with the same score as the correct one, or NaN, ranks before it; an image whose correct
    /// class scores NaN is never correct.
    /// </summary>
    /// <param name="images_nD">Unit image embeddings.</param>
    /// <param name="classes_cD">Unit class embeddings.</param>
    /// <param name="labels">Class of each image.</param>
    /// <param name="logitScale">Factor on the cosines before the softmax.</param>
    public static IReadOnlyList<Prediction> Predict(
        torch.Tensor images_nD,
        torch.Tensor classes_cD,
        IReadOnlyList<long> labels,
        double logitScale
    )
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return FromScores(images_nD.mm(classes_cD.t()), labels, logitScale);
    }

    /// <summary>Predicts the class of each image from class scores [n, c].</summary>
    /// <inheritdoc cref="Predict(torch.Tensor, torch.Tensor, IReadOnlyList{long}, double)" path="/param"/>
    public static IReadOnlyList<Prediction> FromScores(torch.Tensor scores_nc, IReadOnlyList<long> labels, double logitScale)
    {
        var classes = (int)scores_nc.size(1);
        var scores = scores_nc.AsSpan<float>();
        var predictions = new Prediction[labels.Count];
        for (var image = 0; image < labels.Count; image++)
        {
            predictions[image] = Predict(scores.Slice(image * classes, classes), (int)labels[image], logitScale);
        }

        return predictions;
    }

    private static Prediction Predict(ReadOnlySpan<float> scores, int label, double logitScale)
    {
        var (before, best) = (0, -1);
        for (var i = 0; i < scores.Length; i++)
        {
            if (i != label && !(scores[i] < scores[label]))
            {
                before++;
                if (best < 0 || (!float.IsNaN(scores[best]) && !(scores[i] <= scores[best])))
                {
                    best = i;
                }
            }
        }

        if (float.IsNaN(scores[label]))
        {
            before = int.MaxValue;
        }

        var predicted = before == 0 || best < 0 ? label : best;
        double sum = 0;
        foreach (var score in scores)
        {
            sum += Math.Exp(logitScale * (score - scores[predicted]));
        }

        return new Prediction(label, predicted, before, 1 / sum);
    }
}

using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Evaluation;

/// <summary>Accuracy of zero-shot classification: over images, and as the mean over classes.</summary>
public sealed record ZeroShotResult(double Top1, double Top5, double MeanPerClass, long Images, long Classes);

/// <summary>
/// Zero-shot classification (Radford et al. 2021, section 3.1): a class is the normalised mean of its prompts' embeddings,
/// an image belongs to the class nearest to it.
/// </summary>
public static class ZeroShot
{
    /// <summary>Fills a class name into a template's <c>{}</c>.</summary>
    public static string Prompt(string template, string className) => template.Replace("{}", className, StringComparison.Ordinal);

    /// <summary>Embeddings of all prompts, [classes, templates, D] → unit class embeddings, [classes, D].</summary>
    public static torch.Tensor ClassEmbeddings(torch.Tensor prompts_ctD) => nn.functional.normalize(prompts_ctD.mean([1]), 2, -1);

    /// <param name="images_nD">Unit image embeddings.</param>
    /// <param name="classes_cD">Unit class embeddings.</param>
    /// <param name="labels">For each image its class.</param>
    public static ZeroShotResult Measure(torch.Tensor images_nD, torch.Tensor classes_cD, IReadOnlyList<long> labels)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var classes = (int)classes_cD.size(0);
        var (right1, right5) = (new long[classes], 0L);
        var scores = images_nD.mm(classes_cD.t()).AsSpan<float>();
        for (var image = 0; image < labels.Count; image++)
        {
            var row = scores.Slice(image * classes, classes);
            var label = (int)labels[image];
            // What is no number is never right, and always before.
            var better = float.IsNaN(row[label]) ? classes : 0;
            for (var i = 0; i < classes; i++)
                better += i != label && !(row[i] < row[label]) ? 1 : 0;
            right1[label] += better < 1 ? 1 : 0;
            right5 += better < 5 && !float.IsNaN(row[label]) ? 1 : 0;
        }

        var perClass = labels.CountBy(label => label).Select(count => right1[count.Key] / (double)count.Value);
        return new ZeroShotResult(right1.Sum() / (double)labels.Count, right5 / (double)labels.Count, perClass.Average(), labels.Count, classes);
    }
}

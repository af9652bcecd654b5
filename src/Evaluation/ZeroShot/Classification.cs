using System.Text.Json.Serialization;
using ClipTrain.Evaluation.Statistics;

namespace ClipTrain.Evaluation.ZeroShot;

/// <summary>A classifier's prediction for one image.</summary>
/// <param name="Label">The image's class.</param>
/// <param name="Predicted">The class with the highest score.</param>
/// <param name="Before">Number of other classes with at least the score of the correct one.</param>
/// <param name="Confidence">Probability of the predicted class; NaN if all scores are NaN.</param>
public readonly record struct Prediction(int Label, int Predicted, int Before, double Confidence);

/// <summary>
/// Accuracy of a classifier over images and over classes, with 95% intervals: Wilson's for fractions of images, bootstrap over images
/// for figures over classes.
/// </summary>
/// <param name="Top1">Fraction of images whose class has the highest score.</param>
/// <param name="Top5">Fraction of images whose class is among the five highest.</param>
/// <param name="MeanPerClass">Mean over classes of the fraction of correct images.</param>
/// <param name="MacroF1">Mean of 2 TP / (2 TP + FP + FN) over the classes that occur as labels or predictions.</param>
/// <param name="WorstClass">Smallest fraction of correct images of a class.</param>
/// <param name="CalibrationError">Expected calibration error over 15 equal bins (Guo et al. 2017): mean distance between confidence
/// and accuracy.</param>
/// <param name="Images">Number of images.</param>
/// <param name="Classes">Number of classes.</param>
public sealed record Classification(
    double Top1,
    double Top5,
    double MeanPerClass,
    double MacroF1,
    double WorstClass,
    double CalibrationError,
    long Images,
    long Classes
)
{
    public Interval Top1Interval => Interval.OfProportion(Top1, Images);

    public Interval Top5Interval => Interval.OfProportion(Top5, Images);

    public Interval MeanPerClassInterval { get; private init; }

    public Interval MacroF1Interval { get; private init; }

    /// <summary>Interval of the accuracy of the worst class.</summary>
    public Interval WorstClassInterval { get; private init; }

    public Interval CalibrationErrorInterval { get; private init; }

    /// <summary>The prediction of each image.</summary>
    [JsonIgnore]
    public IReadOnlyList<Prediction> Predictions { get; private init; } = [];

    /// <param name="predictions">One per image; at least one.</param>
    /// <param name="classes">Number of classes.</param>
    public static Classification Of(IReadOnlyList<Prediction> predictions, int classes)
    {
        var once = new int[predictions.Count];
        Array.Fill(once, 1);
        var right = OverClasses(predictions, classes, once);
        var intervals = Bootstrap.Intervals(
            predictions.Count,
            drawn =>
            {
                var (mean, f1, _, _) = OverClasses(predictions, classes, drawn);
                return [mean, f1];
            }
        );
        return new Classification(
            Share(prediction => prediction.Before < 1),
            Share(prediction => prediction.Before < 5),
            right.MeanPerClass,
            right.MacroF1,
            right.WorstClass,
            Reliability.Of(predictions).Error,
            predictions.Count,
            classes
        )
        {
            MeanPerClassInterval = intervals[0],
            MacroF1Interval = intervals[1],
            WorstClassInterval = Interval.OfProportion(right.WorstClass, right.WorstImages),
            CalibrationErrorInterval = Reliability.Of(predictions).ErrorInterval(),
            Predictions = predictions,
        };

        double Share(Func<Prediction, bool> counts) => predictions.Count(counts) / (double)predictions.Count;
    }

    private static (double MeanPerClass, double MacroF1, double WorstClass, long WorstImages) OverClasses(
        IReadOnlyList<Prediction> predictions,
        int classes,
        int[] times
    )
    {
        var (images, given, right) = (new long[classes], new long[classes], new long[classes]);
        for (var i = 0; i < times.Length; i++)
        {
            var (label, predicted) = (predictions[i].Label, predictions[i].Predicted);
            images[label] += times[i];
            given[predicted] += times[i];
            right[label] += predictions[i].Before == 0 ? times[i] : 0;
        }

        var (recalls, scores, worst, worstImages) = (new Mean(), new Mean(), double.PositiveInfinity, 0L);
        for (var c = 0; c < classes; c++)
        {
            if (images[c] > 0)
            {
                var recall = right[c] / (double)images[c];
                recalls.Add(recall);
                if (recall < worst)
                {
                    (worst, worstImages) = (recall, images[c]);
                }
            }

            if (images[c] + given[c] > 0)
            {
                scores.Add(2.0 * right[c] / (images[c] + given[c]));
            }
        }

        return (recalls.Value, scores.Value, worst, worstImages);
    }

    private struct Mean
    {
        private double _sum;
        private int _count;

        public readonly double Value => _sum / _count;

        public void Add(double value) => (_sum, _count) = (_sum + value, _count + 1);
    }
}

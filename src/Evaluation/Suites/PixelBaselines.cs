using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Probes;
using ClipTrain.Evaluation.Robustness;

namespace ClipTrain.Evaluation.Suites;

/// <summary>Built-in baseline models: logistic regression and nearest neighbours on the pixels of downscaled images.</summary>
internal static class PixelBaselines
{
    private static readonly int[] s_sides = [3, 4, 6, 8, 12, 16];

    /// <param name="data">Returns the training, validation and test images of a set for a model.</param>
    /// <param name="shift">The shift. Both sets use the training images of the reference.</param>
    public static IReadOnlyList<BaselineModel> Of(Func<IEvaluatedModel, string, ProbeData> data, ShiftOptions shift)
    {
        var models = new List<BaselineModel>();
        foreach (var side in s_sides)
        {
            var model = new PixelModel(side);
            var (reference, shifted) = (data(model, shift.Reference), data(model, shift.Shifted));
            var options = new ProbeOptions { Protocol = ProbeProtocol.Readme };
            models.Add(
                new BaselineModel(
                    $"{model.Name}, probe",
                    Accuracy(LinearProbe.Run("", options, reference).Predictions),
                    Accuracy(LinearProbe.Run("", options, shifted).Predictions)
                )
            );
            models.Add(
                new BaselineModel(
                    $"{model.Name}, k-NN",
                    Accuracy(NearestNeighbours.Run("", reference).Predictions),
                    Accuracy(NearestNeighbours.Run("", shifted).Predictions)
                )
            );
        }

        return models;

        static double Accuracy(IReadOnlyList<ZeroShot.Prediction> predictions) =>
            predictions.Count(prediction => prediction.Before == 0) / (double)predictions.Count;
    }
}

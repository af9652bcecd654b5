using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Log-likelihood of texts given images, by a model that was trained to predict text. It makes such a model a zero-shot classifier:
/// the class whose prompts are likeliest (Li et al. 2017, arXiv 1612.09161, as in Radford et al. 2021, section 3.1).
/// </summary>
/// <remarks>Shapes: n images, F what is kept of each, p texts, L tokens.</remarks>
public interface ITextLikelihood
{
    /// <summary>Images n3SS → what the prediction reads of each, nF, fp32.</summary>
    torch.Tensor Encode(torch.Tensor images_n3SS);

    /// <summary>Log-likelihood np, fp32, of each text given each image: minus the loss of the training objective.</summary>
    /// <param name="rows_nF">Result of <see cref="Encode"/>.</param>
    /// <param name="texts">The texts.</param>
    torch.Tensor LogLikelihood(torch.Tensor rows_nF, TokenizedTexts texts);
}

/// <summary>Creates the likelihood of a model's objective.</summary>
public static class TextLikelihood
{
    /// <exception cref="NotSupportedException">The model's objective predicts no text.</exception>
    public static ITextLikelihood Of(ClipModel model) =>
        model.Objective switch
        {
            Objective.BagOfWords => new BagOfWordsLikelihood(model),
            Objective.Captioning => new CaptionLikelihood(model),
            _ => throw new NotSupportedException($"A model for {model.Objective} predicts no text."),
        };
}

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>A batch of image files, decoded and embedded.</summary>
/// <param name="Problems">For each file null, or why it cannot be used.</param>
/// <param name="Hashes">For each file its perceptual hash; 0 if it cannot be used.</param>
/// <param name="Embeddings">Unit embeddings of the usable images, in order.</param>
/// <param name="Features">Features of the usable images before the projection, in order.</param>
public sealed record EncodedImages(IReadOnlyList<string?> Problems, IReadOnlyList<ulong> Hashes, Matrix Embeddings, Matrix Features);

/// <summary>Decodes image files and embeds them. The images given at once are one batch of the model.</summary>
public interface IImageEncoder : IDisposable
{
    /// <summary>Number of batches worth giving while another one is awaited.</summary>
    int Ahead { get; }

    /// <summary>Encodes a batch, here or elsewhere.</summary>
    Task<EncodedImages> Encode(IReadOnlyList<byte[]> files);
}

/// <summary>Decodes on all cores of this process, and embeds on the calling thread.</summary>
public sealed class ImageEncoder(IEvaluatedModel model) : IImageEncoder
{
    private readonly ImageTransformOptions _transform = model.Transform with { Type = ImageType.Fp32 };
    private readonly ConcurrentBag<(ClipImageTransform Transform, LuminanceReader Luminance)> _decoders = [];
    private Matrix _pixels = new(0, 0);

    public int Ahead => 0;

    public Task<EncodedImages> Encode(IReadOnlyList<byte[]> files)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var size = _transform.Size;
        if (_pixels.Rows < files.Count)
        {
            _pixels = new Matrix(files.Count, 3 * size * size);
        }

        var (problems, hashes) = (new string?[files.Count], new ulong[files.Count]);
        Parallel.For(0, files.Count, i => problems[i] = Decode(files[i], i, out hashes[i]));
        var usable = Enumerable.Range(0, files.Count).Where(i => problems[i] is null).ToList();
        if (usable.Count == 0)
        {
            return Task.FromResult(new EncodedImages(problems, hashes, new Matrix(0, 0), new Matrix(0, 0)));
        }

        foreach (var (place, i) in usable.Index())
        {
            if (place < i)
            {
                _pixels.Row(i).CopyTo(_pixels.Row(place));
            }
        }

        var (embeddings_bD, features_bF) = model.EncodeImages(
            _pixels.View().narrow(0, 0, usable.Count).view([usable.Count, 3, size, size])
        );
        return Task.FromResult(new EncodedImages(problems, hashes, Matrix.Of(embeddings_bD), Matrix.Of(features_bF)));
    }

    public void Dispose()
    {
        foreach (var (transform, luminance) in _decoders)
        {
            transform.Dispose();
            luminance.Dispose();
        }
    }

    /// <summary>Decodes an image into a row of pixels. Returns null, or the problem with the image.</summary>
    private string? Decode(byte[] file, int row, out ulong hash)
    {
        hash = 0;
        if (!_decoders.TryTake(out var decoder))
        {
            decoder = (new ClipImageTransform(_transform), new LuminanceReader());
        }

        try
        {
            decoder.Transform.Evaluate(file, MemoryMarshal.AsBytes(_pixels.Row(row)));
            Span<float> luminance = stackalloc float[PerceptualHash.Side * PerceptualHash.Side];
            hash = decoder.Luminance.TryRead(file, luminance) ? PerceptualHash.Of(luminance) : 0;
            return null;
        }
        catch (ImageDecodeException e)
        {
            return e.Message;
        }
        finally
        {
            _decoders.Add(decoder);
        }
    }
}

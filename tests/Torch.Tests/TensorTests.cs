using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class TensorTests
{
    [Fact]
    public void Metadata_is_what_the_tensor_was_made_with()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = zeros([2, 3, 4], bfloat16);

        Assert.Equal([2, 3, 4], x.shape);
        Assert.Equal(3, x.dim());
        Assert.Equal(24, x.numel());
        Assert.Equal(4, x.size(-1));
        Assert.Equal(bfloat16, x.dtype);
        Assert.Equal(CPU, x.device);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.size(3));
    }

    [Fact]
    public void A_span_reads_and_writes_the_elements_in_place()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([1f, 2f, 3f]);

        x.AsSpan<float>()[1] = 20;

        Assert.Equal(24, x.sum().item<float>());
    }

    [Fact]
    public void A_span_of_another_type_or_of_strided_memory_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = zeros([2, 3]);

        Assert.Throws<InvalidOperationException>(() => { _ = x.AsSpan<double>().Length; });
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => { _ = x.t().AsSpan<float>().Length; });
        Assert.Contains("contiguous()", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Items_keep_all_digits_of_their_type()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Equal(long.MaxValue - 1, tensor(long.MaxValue - 1).item<long>());
        Assert.Equal(0.1, tensor(0.1).item<double>());
        Assert.Equal(0.1f, tensor(0.1f).item<float>());
        Assert.True(tensor(value: true).item<bool>());
        Assert.Throws<InvalidOperationException>(() => tensor(0.5f).item<long>());
        Assert.Throws<TorchException>(() => ones([2]).item<float>());
    }

    [Fact]
    public void Memory_of_the_caller_is_used_as_it_is()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] data = GC.AllocateArray<float>(4, pinned: true);
        unsafe
        {
            fixed (float* p = data)
            {
                from_blob((nint)p, [2, 2], float32).fill_(7);
            }
        }

        Assert.Equal([7f, 7f, 7f, 7f], data);
    }

    [Fact]
    public void Numbers_that_do_not_fill_the_shape_are_refused() =>
        Assert.Throws<ArgumentException>(() => tensor([1f, 2f, 3f], [2, 2]));

    [Fact]
    public void Operators_take_tensors_and_numbers_on_either_side()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([1f, 2f]);
        Tensor y = tensor([4f, 8f]);

        Assert.Equal([5f, 10f], (x + y).AsSpan<float>().ToArray());
        Assert.Equal([9f, 8f], (10 - x).AsSpan<float>().ToArray());
        Assert.Equal([0.5f, 1f], (x * 0.5).AsSpan<float>().ToArray());
        Assert.Equal([2f, 1f], (8 / y).AsSpan<float>().ToArray());
        Assert.Equal([-1f, -2f], (-x).AsSpan<float>().ToArray());
    }

    [Fact]
    public void An_integer_tensor_times_an_integer_stays_one()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Equal(int64, (arange(3) * 2).dtype);
        Assert.Equal(float32, (arange(3) * 2.0).dtype);
    }

    [Fact]
    public void Views_share_memory_and_copies_do_not()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = arange(6, float32).reshape(2, 3);

        x.select(0, 1).zero_();
        Tensor copy = x.clone();
        x.narrow(1, 0, 1).fill_(9);

        Assert.Equal([9f, 1, 2, 9, 0, 0], x.AsSpan<float>().ToArray());
        Assert.Equal([0f, 1, 2, 0, 0, 0], copy.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Selections_agree_with_indices()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([3f, 1f, 2f, 6f, 5f, 4f], [2, 3]);

        Assert.Equal([3f, 6f], x.select(1, 0).contiguous().AsSpan<float>().ToArray());
        Assert.Equal([2f, 3f, 4f, 6f], x.index_select(1, tensor([2L, 0L])).AsSpan<float>().ToArray());
        Assert.Equal([1f, 4f], x.gather(1, tensor([1L, 2L], [2, 1])).AsSpan<float>().ToArray());
        Assert.Equal([3f, 5f], x.diagonal().contiguous().AsSpan<float>().ToArray());
        (Tensor values, Tensor indices) = x.topk(2);
        Assert.Equal([3f, 2f, 6f, 5f], values.AsSpan<float>().ToArray());
        Assert.Equal([0L, 2, 0, 1], indices.AsSpan<long>().ToArray());
    }

    [Fact]
    public void Reductions_go_along_the_named_dimensions()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = arange(6, float32).reshape(2, 3);

        Assert.Equal(15, x.sum().item<float>());
        Assert.Equal([3f, 12f], x.sum(1).AsSpan<float>().ToArray());
        Assert.Equal([1, 1], x.sum([0, 1], keepdim: true).shape);
        Assert.Equal([1.5f, 2.5f, 3.5f], x.mean(0).AsSpan<float>().ToArray());
        Assert.Equal([2L, 2L], x.argmax(1).AsSpan<long>().ToArray());
        Assert.Equal(Math.Sqrt(55), x.norm().item<double>(), 1e-5);
        Assert.Equal([5f, 14f - 2], [x.norm(1, p: 1).AsSpan<float>()[0] + 2, x.norm(1, p: 1).AsSpan<float>()[1]]);
        Assert.True(x.isfinite().all().item<bool>());
    }

    [Fact]
    public void An_out_product_lands_in_the_given_tensor()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor target = zeros([2, 2]);

        mm_out(eye(2) * 3, ones([2, 2]), target);

        Assert.Equal([3f, 3f, 3f, 3f], target.AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData("cpu", DeviceType.CPU, -1)]
    [InlineData("cuda", DeviceType.CUDA, -1)]
    [InlineData("cuda:3", DeviceType.CUDA, 3)]
    public void Devices_are_named_as_in_Python(string name, DeviceType type, int index)
    {
        Device d = device(name);

        Assert.Equal(new Device(type, index), d);
        Assert.Equal(name, d.ToString());
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:999")]
    public void Other_device_names_are_refused(string name) => Assert.Throws<ArgumentException>(() => device(name));
}

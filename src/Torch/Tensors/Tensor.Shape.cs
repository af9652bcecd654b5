namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        public Tensor t() => Aten.t.Call(this);

        public Tensor transpose(long dim0, long dim1) => Aten.transpose.Call(this, dim0, dim1);

        public Tensor permute(params ReadOnlySpan<long> dims) => Aten.permute.Call(this, dims);

        public Tensor reshape(params ReadOnlySpan<long> shape) => Aten.reshape.Call(this, shape);

        public Tensor view(params ReadOnlySpan<long> shape) => Aten.view.Call(this, shape);

        public Tensor view_as(Tensor other) => Aten.view.Call(this, other.shape);

        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Aten.flatten.Call(this, start_dim, end_dim);

        public Tensor expand(params ReadOnlySpan<long> sizes) => Aten.expand.Call(this, sizes);

        public Tensor repeat(params ReadOnlySpan<long> repeats) => Aten.repeat.Call(this, repeats);

        public Tensor narrow(long dim, long start, long length) => Aten.narrow.Call(this, dim, start, length);

        public Tensor select(long dim, long index) => Aten.select.Call(this, dim, index);

        public Tensor slice(long dim, long start, long finish, long step = 1) => Aten.slice.Call(this, dim, start, finish, step);

        public Tensor[] unbind(long dim = 0) => Aten.unbind.CallMany(this, dim);

        public Tensor[] split(long split_size, long dim = 0) => Aten.split.CallMany(this, split_size, dim);

        public Tensor[] split(ReadOnlySpan<long> split_sizes, long dim = 0) => Aten.split_with_sizes.CallMany(this, split_sizes, dim);

        public Tensor[] chunk(long chunks, long dim = 0) => Aten.chunk.CallMany(this, chunks, dim);

        public Tensor unsqueeze(long dim) => Aten.unsqueeze.Call(this, dim);

        public Tensor squeeze() => Aten.squeeze.Call(this);

        public Tensor squeeze(long dim) => Aten.squeeze_dim.Call(this, dim);

        public Tensor contiguous() => Aten.contiguous.Call(this);

        public Tensor clone() => Aten.clone.Call(this);

        public Tensor to(ScalarType dtype, bool copy = false) =>
            Aten.to.Call(this, dtype, TorchValue.None, TorchValue.None, TorchValue.None, false, copy);

        public Tensor to(Device device, bool copy = false, bool non_blocking = false) =>
            Aten.to.Call(this, TorchValue.None, TorchValue.None, device, TorchValue.None, non_blocking, copy);

        public Tensor to(ScalarType dtype, Device device, bool copy = false, bool non_blocking = false) =>
            Aten.to.Call(this, dtype, TorchValue.None, device, TorchValue.None, non_blocking, copy);

        public Tensor cpu() => to(CPU);

        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => Aten.diagonal.Call(this, offset, dim1, dim2);

        public Tensor triu(long diagonal = 0) => Aten.triu.Call(this, diagonal);

        public Tensor tril(long diagonal = 0) => Aten.tril.Call(this, diagonal);

        public Tensor flip(params ReadOnlySpan<long> dims) => Aten.flip.Call(this, dims);

        public Tensor roll(long shift, long dim) => Aten.roll.Call(this, shift, dim);

        public Tensor index_select(long dim, Tensor index) => Aten.index_select.Call(this, dim, index);

        public Tensor gather(long dim, Tensor index) => Aten.gather.Call(this, dim, index);
    }
}
